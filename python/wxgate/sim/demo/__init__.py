"""The demo: a gateway, a service behind it, and WeChat in front of it, all on this machine."""
