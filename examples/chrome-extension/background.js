// The extension has a worker; its page is where the model runs.
