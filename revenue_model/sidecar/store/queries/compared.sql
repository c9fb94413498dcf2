-- Versions side by side, the latest pair first.
SELECT same_installs, model_version, against_version, since, until,
    installs, against_installs, predicted_mean, against_predicted_mean,
    predicted_ratio, predicted_ratio_low, predicted_ratio_high, labelled, against_labelled,
    bias, bias_low, bias_high, against_bias, against_bias_low, against_bias_high,
    mae, against_mae, mae_difference, mae_difference_low, mae_difference_high, as_of
FROM compared_versions
ORDER BY until DESC, model_version, against_version, same_installs LIMIT 20
