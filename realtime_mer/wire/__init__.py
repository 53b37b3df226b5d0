"""Messages and their rules: protocol, schemas, mailboxes, access and TLS settings.

Pure values and functions; whoever opens a socket stands in ``service`` or ``client``.
"""
