"""Pages: self-contained HTML that people read on screen, on a phone and on paper.

What lives here: the frame that all pages share (``rendering``, ``layout.html.j2``, ``page.css``), charts, and one module
per page. What does not: words about figures (``scorecards.view``), statistics (``kenpo_pipelines.analysis``).
"""
