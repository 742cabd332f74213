"""Pushes under a token and a message key: 公众号, 小程序, 企业微信, 第三方平台."""
