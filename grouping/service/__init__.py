"""The HTTP service: albums as jobs, questions, pages; :func:`grouping.service.app.create_app`."""
