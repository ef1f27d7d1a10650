"""The judge is judged: what a report says, against planted data whose causes are known."""

PAGE = "judge.html"
