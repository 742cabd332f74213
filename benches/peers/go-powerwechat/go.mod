module wxgate/peer

go 1.26.0

require (
	github.com/ArtisanCloud/PowerWeChat/v3 v3.4.38
	github.com/redis/go-redis/v9 v9.23.0
)
