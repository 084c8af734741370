# The image of tools/build-image, for those who have Docker; see docs/images.md.
#   docker build -t vanilla .
#   docker build --build-arg TEMPLATES="controlnet-canny vanilla" \
#     --label run.cog.openapi_schema="$(tools/dream templates schema controlnet-canny)" -t canny .
FROM debian:12 AS build
ARG TEMPLATES=vanilla
RUN apt-get update && apt-get install -y --no-install-recommends python3 ca-certificates
COPY . /dream
RUN /dream/tools/build-image $TEMPLATES --rootfs /rootfs

FROM scratch
ARG TEMPLATES=vanilla
COPY --from=build /rootfs /
ENV PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 \
    DREAM_TEMPLATES=$TEMPLATES DREAM_DEFAULT_WEIGHTS=none
LABEL run.cog.version="0.23.1" \
      run.cog.config='{"build":{"gpu":false},"predict":"predict.py:Predictor"}'
WORKDIR /src
EXPOSE 5000
CMD ["python", "-m", "cog.server.http"]
