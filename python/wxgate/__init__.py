"""wxgate: the gateway between WeChat's callbacks and a team's own services."""
