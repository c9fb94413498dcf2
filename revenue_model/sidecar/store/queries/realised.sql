-- What the predictions of each version were worth, the latest version first.
SELECT model_version, installs, matured, labelled, matured_share, predicted_sum, real_sum,
    bias, bias_low, bias_high, mae, gini, with_interval, coverage, as_of
FROM realised_versions ORDER BY length(model_version) DESC, model_version DESC LIMIT 100
