"""What goes over HTTP: bodies, middleware, the model server behind `/predict`."""
