package peer;

import java.util.LinkedHashMap;
import java.util.Map;
import me.chanjar.weixin.mp.api.WxMpService;
import me.chanjar.weixin.mp.api.impl.WxMpServiceImpl;
import me.chanjar.weixin.mp.bean.message.WxMpXmlMessage;
import me.chanjar.weixin.mp.config.impl.WxMpDefaultConfigImpl;

/** Opens messages with WxJava, as its demo has it. */
final class Opener {
  private final WxMpService service = new WxMpServiceImpl();
  private final WxMpDefaultConfigImpl config = new WxMpDefaultConfigImpl();

  Opener() {
    config.setAppId(System.getenv("APPID"));
    config.setToken(System.getenv("SHOP_TOKEN"));
    config.setAesKey(System.getenv("SHOP_AES_KEY"));
    service.setWxMpConfigStorage(config);
  }

  /** The message's fields; null if it is not genuine. */
  Map<String, Object> open(
      String body, String timestamp, String nonce, String signature, String messageSignature) {
    if (!service.checkSignature(timestamp, nonce, signature)) {
      return null;
    }
    WxMpXmlMessage message;
    try {
      message =
          WxMpXmlMessage.fromEncryptedXml(body, config, timestamp, nonce, messageSignature);
    } catch (RuntimeException error) {
      return null;
    }
    Map<String, Object> found = new LinkedHashMap<>();
    found.put("ToUserName", message.getToUser());
    found.put("FromUserName", message.getFromUser());
    found.put("CreateTime", message.getCreateTime());
    found.put("MsgType", message.getMsgType());
    found.put("MsgId", message.getMsgId());
    found.put("Content", message.getContent());
    return found;
  }
}
