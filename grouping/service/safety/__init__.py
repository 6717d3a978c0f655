"""Who may ask, how often and how much; links that expire; notices that are signed; an audit log."""
