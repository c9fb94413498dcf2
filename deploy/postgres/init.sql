-- MLflow keeps its tables apart from the prediction log.
CREATE DATABASE mlflow;
