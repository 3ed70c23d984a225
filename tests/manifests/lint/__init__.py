"""What tests/manifests/check holds against the manifests of deploy/."""
