"""What may be stored: validation and mutation of our kinds, AdmissionReview in and out. It serves nothing."""
