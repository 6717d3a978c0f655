"""Real clusters of Ray, work for them, and somebody who does it in any order."""
