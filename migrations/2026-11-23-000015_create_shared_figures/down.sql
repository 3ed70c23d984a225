DROP TABLE shared_figures;
