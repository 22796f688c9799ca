//! The roles: peer and radiostation; channel actors, configuration, telemetry.
