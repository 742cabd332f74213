package peer;

import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.http.HttpStatus;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.params.SetParams;
import redis.clients.jedis.params.XAddParams;
import tools.jackson.databind.json.JsonMapper;

/** What a team writes in Java: Spring Boot and Jedis, as their manuals have it. */
@SpringBootApplication
@RestController
public class Application {
  private final Opener opener = new Opener();
  private final RedisClient redis = RedisClient.create(System.getenv("REDIS_URL"));
  private final JsonMapper json = new JsonMapper();

  public static void main(String[] arguments) {
    SpringApplication.run(Application.class, arguments);
  }

  /** Verifies, decrypts, parses, recognises repetitions, hands over, acknowledges. */
  @PostMapping("/cb/shop")
  ResponseEntity<String> callback(
      @RequestBody String body,
      @RequestParam String timestamp,
      @RequestParam String nonce,
      @RequestParam String signature,
      @RequestParam("msg_signature") String messageSignature) {
    Map<String, Object> message = opener.open(body, timestamp, nonce, signature, messageSignature);
    if (message == null) {
      return ResponseEntity.status(HttpStatus.FORBIDDEN).build();
    }
    String user = (String) message.get("FromUserName");
    String identity = user + ":" + message.get("MsgId");
    if (redis.set("seen:" + identity, "1", SetParams.setParams().nx().ex(60)) != null) {
      String event = json.writeValueAsString(message);
      redis.xadd(
          "callbacks",
          XAddParams.xAddParams(),
          Map.of("id", identity, "key", user, "event", event));
    }
    return ResponseEntity.ok("success");
  }
}
