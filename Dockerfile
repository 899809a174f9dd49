# A small image without a shell: the program, its libraries and certificates (scripts/image-root.sh has the list).
#   docker build -t martlet .
#   docker build -t martlet --build-arg SWIFT_IMAGE=swift:6.3-noble .
ARG SWIFT_IMAGE=swift:6.3-bookworm
FROM ${SWIFT_IMAGE} AS build
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ca-certificates libsqlite3-dev make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /martlet
# Before the sources, so that dependencies are fetched again only when they change.
COPY Package.swift Package.resolve[d] ./
RUN swift package resolve
COPY . .
RUN make build && scripts/image-root.sh .build/release/martlet /image

FROM scratch
COPY --from=build /image /
ENV MARTLET_HOST=0.0.0.0 MARTLET_PORT=1443 MARTLET_STATE_DIR=/var/lib/martlet
USER 65532:65532
WORKDIR /var/lib/martlet
VOLUME /var/lib/martlet
EXPOSE 1443
HEALTHCHECK --interval=30s --timeout=15s --start-period=20s --retries=3 CMD ["/usr/bin/martlet", "healthcheck"]
ENTRYPOINT ["/usr/bin/martlet"]
CMD ["run"]
