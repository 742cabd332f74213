package peer;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import javax.crypto.Cipher;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;

/** Opens messages with the JDK alone, in the steps of the platform's sample. */
final class Opener {
  private static final int HEAD = 20;

  private final String token = System.getenv("SHOP_TOKEN");
  private final String appid = System.getenv("APPID");
  private final byte[] key = Base64.getDecoder().decode(System.getenv("SHOP_AES_KEY") + "=");
  private final DocumentBuilderFactory documents = DocumentBuilderFactory.newInstance();

  Opener() {
    try {
      documents.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
    } catch (ParserConfigurationException error) {
      throw new IllegalStateException(error);
    }
  }

  /** The message's fields; null if it is not genuine. */
  Map<String, Object> open(
      String body, String timestamp, String nonce, String signature, String messageSignature) {
    try {
      String sealed = (String) fields(body).get("Encrypt");
      if (sealed == null || !sign(token, timestamp, nonce, sealed).equals(messageSignature)) {
        return null;
      }
      Cipher cipher = Cipher.getInstance("AES/CBC/NoPadding");
      IvParameterSpec start = new IvParameterSpec(key, 0, 16);
      cipher.init(Cipher.DECRYPT_MODE, new SecretKeySpec(key, "AES"), start);
      byte[] plain = cipher.doFinal(Base64.getDecoder().decode(sealed));
      int end = plain.length - plain[plain.length - 1];
      int length = ByteBuffer.wrap(plain, 16, 4).getInt();
      String receiver = new String(plain, HEAD + length, end - HEAD - length, UTF_8);
      return receiver.equals(appid) ? fields(new String(plain, HEAD, length, UTF_8)) : null;
    } catch (GeneralSecurityException
        | IOException
        | SAXException
        | ParserConfigurationException
        | RuntimeException error) {
      return null;
    }
  }

  private static String sign(String... parts) throws GeneralSecurityException {
    Arrays.sort(parts);
    byte[] digest = MessageDigest.getInstance("SHA-1").digest(String.join("", parts).getBytes(UTF_8));
    return HexFormat.of().formatHex(digest);
  }

  private Map<String, Object> fields(String xml)
      throws IOException, SAXException, ParserConfigurationException {
    InputSource source = new InputSource(new StringReader(xml));
    Element root = documents.newDocumentBuilder().parse(source).getDocumentElement();
    Map<String, Object> found = new HashMap<>();
    for (Node node = root.getFirstChild(); node != null; node = node.getNextSibling()) {
      if (node instanceof Element) {
        found.put(node.getNodeName(), node.getTextContent());
      }
    }
    return found;
  }
}
