"""Mathematics of figures: control charts, funnels, deviation scores, expected paths, forecasts. Decimals and months in, Decimals out."""
