"""`python -m lab.hops.nginx`: Debian's nginx as one hop, with the switches that decide about streams.

The rule: everything it writes is in a directory of its own that goes with it; its configuration is made from the options
alone, so that a cell says all there is to say. Must not be told apart from a real deployment by anything but its size.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import FrameType

_CONFIGURATION = """\
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  gzip {gzip};
  gzip_types text/event-stream;
  gzip_proxied any;
  gzip_min_length 0;
  server {{
    listen {listen};
    location / {{
      proxy_pass http://{upstream};
      proxy_http_version {version};
      proxy_set_header Connection "";
      proxy_buffering {buffering};
      proxy_read_timeout 300s;
    }}
  }}
}}
"""


def configuration(directory: Path, arguments: argparse.Namespace) -> str:
    """The whole nginx.conf. An identity upstream is HTTP/1.0, which knows no transfer-coding."""
    return _CONFIGURATION.format(
        directory=directory,
        listen=arguments.listen,
        upstream=arguments.upstream,
        buffering=arguments.buffering,
        gzip=arguments.gzip,
        version="1.0" if arguments.identity == "on" else "1.1",
    )


def main() -> int:
    """Run nginx until SIGTERM."""
    arguments = _parse()
    nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if nginx is None:
        print("nginx is not installed: apt-get install nginx-light, or leave the proxy out", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="lab-nginx-") as made:
        directory = Path(made)
        (directory / "nginx.conf").write_text(configuration(directory, arguments))
        process = subprocess.Popen([nginx, "-p", made, "-c", "nginx.conf", "-e", "stderr"])

        def end(_signal: int, _frame: FrameType | None) -> None:
            process.terminate()

        signal.signal(signal.SIGTERM, end)
        return process.wait()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.hops.nginx", description="nginx as a hop of the lab")
    parser.add_argument("--listen", required=True, help="host:port")
    parser.add_argument("--upstream", required=True, help="host:port")
    for name, default, meaning in (
        ("buffering", "on", "proxy_buffering, nginx's own default"),
        ("gzip", "off", "compress text/event-stream for clients that accept it"),
        ("identity", "off", "speak HTTP/1.0 to the upstream: no transfer-coding, its end is the connection's"),
    ):
        parser.add_argument(f"--{name}", choices=("on", "off"), default=default, help=meaning)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
