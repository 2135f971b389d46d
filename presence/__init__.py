"""The presence server: event packages, composition, messaging, provisioning, and the wiring of it all."""
