"""Mail: texts in German and English, the message (MIME, RFC 5322) and its way out by SMTP."""
