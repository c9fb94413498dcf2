"""The figures that show how good a forecast is and what it rests on, and their look.

Each title names what is drawn, the line below it says what a good forecast looks like.
"""
