-- Run once, when the volume is empty: the serving database is made by the image, Dagster's own storage here.
CREATE DATABASE dagster;
