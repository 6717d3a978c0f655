"""How the work on photos is carried out: loaded networks, reading ahead, threads, processes."""
