"""Model Spec Midtraining: from a spec to trained models, evaluations and a report."""

__version__ = "0.1.0.dev0"
