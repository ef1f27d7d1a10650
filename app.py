"""The app: `streamlit run app.py`. Its pages live in workbench/app/pages/."""

from workbench.app.main import main

main()
