"""What goes over HTTP: routes by topic, bodies, middleware, the client of the model server."""
