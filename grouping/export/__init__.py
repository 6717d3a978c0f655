"""Tables, a folder a person, zip and XMP sidecars."""
