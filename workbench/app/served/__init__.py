"""What `streamlit run` is given."""
