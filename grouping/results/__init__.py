"""What is written and handed back: groups and images, groups.json, ids that persist."""
