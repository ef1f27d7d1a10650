"""The app in a checkout: `streamlit run app.py`. Its pages live in workbench/app/."""

from workbench.app.main import main

main()
