"""The lab that people open when a token stream stutters. Imports nothing: every command pays only for what it uses."""
