"""What people have said of pictures, as labels: where each comes from, how likely it came to be given, and how to
correct it.

:mod:`~review_ui.labels.vocabulary` names the labels, :mod:`~review_ui.labels.visit_labels` finds what people said of a
visit, :mod:`~review_ui.labels.collection` works out what stands, :mod:`~review_ui.labels.changes` corrects it,
:mod:`~review_ui.labels.csv_export` exports it.
"""
