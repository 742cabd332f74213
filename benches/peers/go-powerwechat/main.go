// What a team writes in Go: net/http, PowerWeChat and go-redis, as their manuals have it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/ArtisanCloud/PowerWeChat/v3/src/kernel/contract"
	"github.com/ArtisanCloud/PowerWeChat/v3/src/officialAccount"
	"github.com/ArtisanCloud/PowerWeChat/v3/src/officialAccount/server/handlers/models"
	"github.com/redis/go-redis/v9"
)

type event struct {
	ToUserName   string
	FromUserName string
	CreateTime   int
	MsgType      string
	MsgID        string `json:"MsgId"`
	Content      string
}

type shop struct {
	account *officialAccount.OfficialAccount
	redis   *redis.Client
}

// ServeHTTP verifies, decrypts, parses, hands over and acknowledges.
func (s *shop) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	var failure error
	take := func(received contract.EventInterface) any {
		failure = s.handOver(request.Context(), received)
		return "success"
	}
	if _, err := s.account.Server.Notify(request, take); err != nil {
		http.Error(answer, "", http.StatusForbidden)
		return
	}
	if failure != nil {
		http.Error(answer, "", http.StatusInternalServerError)
		return
	}
	answer.Header().Set("Content-Type", "text/plain")
	_, _ = answer.Write([]byte("success"))
}

// handOver recognises a repetition and appends anything else to the stream.
func (s *shop) handOver(ctx context.Context, received contract.EventInterface) error {
	text := models.MessageText{}
	if err := received.ReadMessage(&text); err != nil {
		return err
	}
	user := received.GetFromUserName()
	identity := user + ":" + text.MsgID
	set := redis.SetArgs{Mode: "NX", TTL: time.Minute}
	err := s.redis.SetArgs(ctx, "seen:"+identity, 1, set).Err()
	if errors.Is(err, redis.Nil) {
		return nil
	}
	if err != nil {
		return err
	}
	content, err := json.Marshal(event{
		ToUserName:   received.GetToUserName(),
		FromUserName: user,
		CreateTime:   received.GetCreateTime(),
		MsgType:      received.GetMsgType(),
		MsgID:        text.MsgID,
		Content:      text.Content,
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
	account, err := officialAccount.NewOfficialAccount(&officialAccount.UserConfig{
		AppID:  os.Getenv("APPID"),
		Secret: "unused",
		Token:  os.Getenv("SHOP_TOKEN"),
		AESKey: os.Getenv("SHOP_AES_KEY"),
		Log:    officialAccount.Log{Level: "error", File: "info.log", Error: "error.log"},
	})
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("POST /cb/shop", &shop{account, redis.NewClient(options)})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
