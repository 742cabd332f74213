"""The fault harness: WeChat, a service and a fault around a real gateway."""
