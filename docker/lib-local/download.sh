# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Kafka and the schema registry as Maven Central has them, Swagger UI as npm's registry has it, kept in a
# cache that all instances share.
# A folder of the cache appears under its name only when it is complete and every file has the
# checksum that checksums.sha256 says; work in progress lies in NAME.part.

kafka_version=4.4.0
registry_version=2.6.13.Final
swagger_version=5.35.0
dependency_plugin=org.apache.maven.plugins:maven-dependency-plugin:3.8.1

kafka_home=$cache/kafka-$kafka_version
registry_home=$cache/apicurio-registry-$registry_version
swagger_home=$cache/swagger-ui-dist-$swagger_version

downloads_ensure() {
    [[ -d $kafka_home && -d $registry_home && -d $swagger_home ]] && return
    mkdir -p "$cache" || return 1
    disk_ensure "$cache" 600 RETENTIONAI_CACHE
    (
        exec {fd}>"$cache/lock" || exit 1
        if ! flock -n "$fd"; then
            say "download   another docker/local is downloading: waiting for it"
            flock -w 900 "$fd" || { say "download   gave up waiting after 900 s"; exit 1; }
        fi
        download_one "$kafka_home" "Kafka $kafka_version (43 MB)" \
            "<groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
             <version>$kafka_version</version></dependency>
             <!-- without a logger behind it Kafka says nothing at all -->
             <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId>
             <version>1.7.36</version>" || exit
        download_one "$registry_home" "Apicurio registry $registry_version (142 MB)" \
            "<groupId>io.apicurio</groupId><artifactId>apicurio-registry-app</artifactId>
             <version>$registry_version</version><type>tar.gz</type><classifier>all</classifier>
             <exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>" || exit
        # Unpacked, not installed by npm: nothing of it is run, and it comes without its dependencies.
        download_npm "$swagger_home" "Swagger UI $swagger_version (3 MB)" swagger-ui-dist "$swagger_version" \
            swagger-ui-bundle.js swagger-ui-bundle.js.LICENSE.txt swagger-ui.css LICENSE NOTICE || exit
    )
}

# download_begin FINAL WHAT: the folder of work in progress, empty.
download_begin() {
    if [[ -e $1.part ]]; then
        step download "an unfinished download of $2 was left behind: starting it again"
        rm -rf "$1.part"
    fi
    step download "$2 ..."
    mkdir "$1.part"
}

# download_one FINAL WHAT DEPENDENCY
download_one() {
    local final=$1 what=$2 dependency=$3 part=$1.part start
    [[ -d $final ]] && return
    start=$(now_ms)
    download_begin "$final" "$what" || return 1
    cat >"$part/pom.xml" <<POM
<project><modelVersion>4.0.0</modelVersion><groupId>local</groupId><artifactId>download</artifactId>
<version>1</version><dependencies><dependency>$dependency</dependency></dependencies></project>
POM
    if ! mvn -q -B -C -f "$part/pom.xml" "$dependency_plugin:copy-dependencies" \
        -DoutputDirectory="$part/files" -Dmdep.useBaseVersion=true >"$part/maven.log" 2>&1 </dev/null; then
        tail -n 20 "$part/maven.log" >&2
        step download "Maven could not fetch $what. Is the network there? A proxy or mirror goes into ~/.m2/settings.xml"
        return 1
    fi
    download_verify "$part/files" "${final##*/}" || return 1
    if [[ -f $part/files/apicurio-registry-app-$registry_version-all.tar.gz ]]; then
        tar -C "$part/files" -xzf "$part/files/apicurio-registry-app-$registry_version-all.tar.gz" &&
            rm "$part/files/apicurio-registry-app-$registry_version-all.tar.gz" || return 1
    fi
    mv "$part/files" "$final" && rm -rf "$part" || return 1
    step download "$what is there ($(seconds_since "$start") s)"
}

# npm's registry: as its own client is told, by the environment or ~/.npmrc.
npm_registry() {
    local registry=${npm_config_registry-${NPM_CONFIG_REGISTRY-}}
    if [[ -z $registry && -f ${HOME-}/.npmrc ]]; then
        registry=$(sed -n 's/^registry[[:space:]]*=[[:space:]]*//p' "$HOME/.npmrc" | tail -n 1)
    fi
    registry=${registry:-https://registry.npmjs.org}
    echo "${registry%/}"
}

# download_npm FINAL WHAT PACKAGE VERSION FILE..: these files of a package's tarball, each as it is and, for
# those who serve them, compressed as FILE.gz.
download_npm() {
    local final=$1 what=$2 package=$3 version=$4 part=$1.part start tarball
    shift 4
    [[ -d $final ]] && return
    start=$(now_ms)
    tarball=${package##*/}-$version.tgz
    download_begin "$final" "$what" || return 1
    mkdir "$part/tarball" "$part/files" || return 1
    if ! curl --fail --silent --show-error --location --retry 3 --connect-timeout 20 --max-time 300 \
        --output "$part/tarball/$tarball" "$(npm_registry)/$package/-/$tarball" </dev/null; then
        step download "npm's registry does not give $what. Is the network there? A mirror goes into npm_config_registry or ~/.npmrc"
        return 1
    fi
    download_verify "$part/tarball" "${final##*/}" || return 1
    tar -C "$part/files" --no-same-owner --strip-components=1 -xzf "$part/tarball/$tarball" "${@/#/package/}" &&
        (cd "$part/files" && gzip -9 -n -k -- "$@") &&
        mv "$part/files" "$final" && rm -rf "$part" || return 1
    step download "$what is there ($(seconds_since "$start") s)"
}

# download_verify FOLDER SECTION: the folder holds exactly the files of that section of the list,
# whose lines are "checksum  section/file".
download_verify() (
    cd "$1" || exit 1
    expected=$(sed -n "s|  $2/|  |p" "$parts/checksums.sha256")
    if [[ -z $expected || $(wc -l <<<"$expected") != "$(find . -type f | wc -l)" ]]; then
        step download "the download of $2 has other files than $parts/checksums.sha256 lists"
        exit 1
    fi
    if ! bad=$(sha256sum --quiet -c <<<"$expected" 2>&1); then
        say "$bad"
        step download "these files are damaged or not the ones we know; try again (those of Maven once they are removed from ~/.m2/repository)"
        exit 1
    fi
)
