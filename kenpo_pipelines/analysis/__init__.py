"""Mathematics of figures: control charts, funnels, deviation scores, expected paths and forecasts.

What lives here: functions of Decimals and months, in and out. What does not: KPIs, files, words on pages (a method's own
Japanese name and explanation excepted).
"""
