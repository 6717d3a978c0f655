"""An album that was grouped, opened to be asked: its people, its faces, who is alike."""
