"""Pictures of all faces: t-SNE, similarity, faces in their places."""
