# The lab as an image: the command `lab` with Locust and httpx, at the versions of constraints.txt.
#   docker build -t typewriter-lab .      docker run --rm -p 127.0.0.1:8000:8000 typewriter-lab
# BASE is any image with python3 (3.11 to 3.13) and its venv; nothing of its distribution is added.
ARG BASE=python:3.12-slim
FROM ${BASE}

WORKDIR /usr/src/lab
ENV PATH=/opt/lab/bin:$PATH PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore

# What the lab needs is large and changes seldom, so it is a layer of its own: all that an empty lab asks for. The libraries'
# own tests are left out (36 MB), and the rest is compiled here once, because a container would forget it every time.
COPY pyproject.toml constraints.txt ./
RUN mkdir lab scenarios && touch lab/__init__.py README.md LICENSE \
 && python3 -m venv /opt/lab \
 && pip install --quiet --no-compile --constraint constraints.txt '.[load,httpx]' \
 && find /opt/lab -depth -type d -name tests -exec rm -r {} + \
 && python3 -m compileall -q -j 0 /opt/lab/lib

COPY README.md LICENSE ./
COPY lab lab
COPY scenarios scenarios
RUN pip install --quiet --no-deps --force-reinstall .

# Runs go to ./results, as everywhere: /lab/results is the place for a volume.
WORKDIR /lab
EXPOSE 8000
ENTRYPOINT ["lab"]
CMD ["serve", "--host", "0.0.0.0"]
