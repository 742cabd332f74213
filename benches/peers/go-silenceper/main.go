// What a team writes in Go: net/http, silenceper/wechat and go-redis, as their manuals have it.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/silenceper/wechat/v2"
	"github.com/silenceper/wechat/v2/cache"
	"github.com/silenceper/wechat/v2/officialaccount"
	"github.com/silenceper/wechat/v2/officialaccount/config"
	"github.com/silenceper/wechat/v2/officialaccount/message"
	"github.com/sirupsen/logrus"
)

type event struct {
	ToUserName   string
	FromUserName string
	CreateTime   int64
	MsgType      string
	MsgID        int64 `json:"MsgId"`
	Content      string
}

type shop struct {
	account *officialaccount.OfficialAccount
	redis   *redis.Client
}

// ServeHTTP verifies, decrypts, parses, hands over and acknowledges.
func (s *shop) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	server := s.account.GetServer(request, answer)
	var failure error
	server.SetMessageHandler(func(received *message.MixMessage) *message.Reply {
		failure = s.handOver(request, received)
		return nil
	})
	if err := server.Serve(); err != nil {
		http.Error(answer, "", http.StatusForbidden)
		return
	}
	if failure != nil {
		http.Error(answer, "", http.StatusInternalServerError)
		return
	}
	// In safe mode Serve writes nothing where there is no reply.
	answer.Header().Set("Content-Type", "text/plain")
	_, _ = answer.Write([]byte("success"))
}

// handOver recognises a repetition and appends anything else to the stream.
func (s *shop) handOver(request *http.Request, received *message.MixMessage) error {
	user := string(received.FromUserName)
	identity := fmt.Sprintf("%s:%d", user, received.MsgID)
	ctx := request.Context()
	set := redis.SetArgs{Mode: "NX", TTL: time.Minute}
	err := s.redis.SetArgs(ctx, "seen:"+identity, 1, set).Err()
	if errors.Is(err, redis.Nil) {
		return nil
	}
	if err != nil {
		return err
	}
	content, err := json.Marshal(event{
		ToUserName:   string(received.ToUserName),
		FromUserName: user,
		CreateTime:   received.CreateTime,
		MsgType:      string(received.MsgType),
		MsgID:        received.MsgID,
		Content:      received.Content,
	})
	if err != nil {
		return err
	}
	return s.redis.XAdd(ctx, &redis.XAddArgs{
		Stream: "callbacks",
		Values: []any{"id", identity, "key", user, "event", content},
	}).Err()
}

func main() {
	options, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		log.Fatal(err)
	}
	logrus.SetLevel(logrus.FatalLevel)
	account := wechat.NewWechat().GetOfficialAccount(&config.Config{
		AppID:          os.Getenv("APPID"),
		Token:          os.Getenv("SHOP_TOKEN"),
		EncodingAESKey: os.Getenv("SHOP_AES_KEY"),
		Cache:          cache.NewMemory(),
	})
	http.Handle("POST /cb/shop", &shop{account, redis.NewClient(options)})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
