"""The door: the command line and the Prefect flows that run the pipeline over many clips."""
