"""Mathematics of figures: control charts, funnels, deviation scores, expected paths and forecasts.

What lives here: functions of Decimals and months. What does not: KPIs, files, words on pages.
"""
