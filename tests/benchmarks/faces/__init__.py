"""Are faces found, aligned and judged rightly, and what does that cost?"""
