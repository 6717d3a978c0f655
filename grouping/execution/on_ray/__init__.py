"""Photos analysed by the nodes of a Ray cluster; nothing outside of this folder knows Ray."""
