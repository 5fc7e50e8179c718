"""Patterns of event-driven services, one short file each: read it in a lesson, import it in a service."""
