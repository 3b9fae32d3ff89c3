// SPDX-License-Identifier: MIT
// The scoring worker's work as a Kafka Streams application, as somebody would write it who knows both: one processor
// without state, exactly_once_v2, Avro's generic reader and writer with records, decoders and encoders that are used
// again, a table for each level of a category. No reasons. Reads its settings from a properties file (argument):
//
//   bootstrap.servers application.id input output threads commit.ms linger.ms state
//   writer.schema prediction.schema schema.id artefact model.id

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.util.Utf8;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.processor.api.RecordMetadata;

public final class Scoring {
    private static final int FRAME_BYTES = 5;

    /** What one input adds to the log-odds. */
    private interface Input {
        double weigh(GenericRecord record);
    }

    /** A text: by its level. */
    private record Level(int position, Utf8 missing, Map<Utf8, Double> weights) implements Input {
        @Override
        public double weigh(GenericRecord record) {
            Object value = record.get(position);
            Double weight = weights.get(value == null ? missing : value);
            if (weight == null) {
                throw new IllegalArgumentException("a level that the model does not know: " + value);
            }
            return weight;
        }
    }

    /** A number within its bounds: itself, or 1 where it is on one side of an edge, times the weight. */
    private record Term(int operation, double edge, double weight) {}

    private record Number(int position, double missing, double low, double high, Term[] terms) implements Input {
        @Override
        public double weigh(GenericRecord record) {
            Object given = record.get(position);
            double value = given == null ? missing : ((java.lang.Number) given).doubleValue();
            value = Math.min(Math.max(value, low), high);
            double sum = 0;
            for (Term term : terms) {
                double column = switch (term.operation) {
                    case 'i' -> value;
                    case 'l' -> value <= term.edge ? 1 : 0;
                    case 'g' -> value >= term.edge ? 1 : 0;
                    default -> value == term.edge ? 1 : 0;
                };
                sum += term.weight * column;
            }
            return sum;
        }
    }

    /** The artefact: base plus every weight times what its column is above its mean. */
    private static final class Model {
        final Input[] inputs;
        final double base, threshold, elevated;
        final double origin; // the log-odds where every column is zero

        Model(JsonNode root, Schema writer) {
            Map<String, List<JsonNode>> terms = new HashMap<>();
            double means = 0;
            for (JsonNode term : root.get("linear").get("terms")) {
                terms.computeIfAbsent(term.get("f").asText(), name -> new ArrayList<>()).add(term);
                means += term.get("w").asDouble() * term.get("m").asDouble();
            }
            List<Input> all = new ArrayList<>();
            for (JsonNode feature : root.get("features")) {
                String name = feature.get("name").asText();
                int position = writer.getField(name).pos();
                List<JsonNode> own = terms.getOrDefault(name, List.of());
                all.add(feature.has("categories") ? level(feature, position, own) : number(feature, position, own));
            }
            inputs = all.toArray(new Input[0]);
            base = root.get("linear").get("base").asDouble();
            origin = base - means;
            threshold = root.get("decision").get("threshold").asDouble();
            elevated = root.get("decision").get("elevated").asDouble();
        }

        private static Input level(JsonNode feature, int position, List<JsonNode> terms) {
            Map<Utf8, Double> weights = new HashMap<>();
            for (JsonNode category : feature.get("categories")) {
                weights.put(new Utf8(category.asText()), 0.0);
            }
            for (JsonNode term : terms) {
                weights.merge(new Utf8(term.get("v").asText()), term.get("w").asDouble(), Double::sum);
            }
            return new Level(position, new Utf8(feature.get("missing").get("value").asText()), weights);
        }

        private static Input number(JsonNode feature, int position, List<JsonNode> terms) {
            Term[] own = new Term[terms.size()];
            for (int i = 0; i < own.length; i++) {
                JsonNode term = terms.get(i);
                own[i] = new Term(term.get("op").asText().charAt(0), term.path("v").asDouble(),
                        term.get("w").asDouble());
            }
            return new Number(position, feature.get("missing").get("value").asDouble(),
                    feature.get("train_min").asDouble(), feature.get("train_max").asDouble(), own);
        }

        double probability(GenericRecord record) {
            double sum = origin;
            for (Input input : inputs) {
                sum += input.weigh(record);
            }
            return 1 / (1 + Math.exp(-sum));
        }
    }

    private static final class Scorer implements FixedKeyProcessor<byte[], byte[], byte[]> {
        private final Model model;
        private final Schema writer, prediction;
        private final Utf8 modelId;
        private final byte[] frame;
        private final GenericDatumReader<GenericRecord> reader;
        private final GenericDatumWriter<GenericRecord> out;
        private final GenericData.EnumSymbol low, elevated, high, change;
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream(512);
        private final int eventId, employeeId, eventTime, department, jobRole;
        private FixedKeyProcessorContext<byte[], byte[]> context;
        private GenericRecord event;
        private BinaryDecoder decoder;
        private BinaryEncoder encoder;

        Scorer(Model model, Schema writer, Schema prediction, int schemaId, String modelId) {
            this.model = model;
            this.writer = writer;
            this.prediction = prediction;
            this.modelId = new Utf8(modelId);
            frame = new byte[] {0, (byte) (schemaId >> 24), (byte) (schemaId >> 16), (byte) (schemaId >> 8),
                (byte) schemaId};
            reader = new GenericDatumReader<>(writer);
            out = new GenericDatumWriter<>(prediction);
            Schema bands = prediction.getField("band").schema();
            low = new GenericData.EnumSymbol(bands, "low");
            elevated = new GenericData.EnumSymbol(bands, "elevated");
            high = new GenericData.EnumSymbol(bands, "high");
            change = new GenericData.EnumSymbol(prediction.getField("trigger").schema(), "change");
            eventId = writer.getField("event_id").pos();
            employeeId = writer.getField("employee_id").pos();
            eventTime = writer.getField("event_time").pos();
            department = writer.getField("Department").pos();
            jobRole = writer.getField("JobRole").pos();
        }

        @Override
        public void init(FixedKeyProcessorContext<byte[], byte[]> context) {
            this.context = context;
        }

        @Override
        public void process(FixedKeyRecord<byte[], byte[]> record) {
            try {
                byte[] value = record.value();
                decoder = DecoderFactory.get().binaryDecoder(value, FRAME_BYTES, value.length - FRAME_BYTES, decoder);
                event = reader.read(event, decoder);
                bytes.reset();
                bytes.write(frame, 0, frame.length);
                encoder = EncoderFactory.get().binaryEncoder(bytes, encoder);
                out.write(score(), encoder);
                encoder.flush();
                context.forward(record.withValue(bytes.toByteArray()));
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }

        private GenericRecord score() {
            RecordMetadata place = context.recordMetadata().orElseThrow();
            double probability = model.probability(event);
            GenericRecord made = new GenericData.Record(prediction);
            made.put("prediction_id", place.topic() + "/" + place.partition() + "/" + place.offset());
            made.put("employee_id", event.get(employeeId));
            made.put("event_id", event.get(eventId));
            made.put("event_time", event.get(eventTime));
            made.put("scored_at", System.currentTimeMillis());
            made.put("churn_probability", probability);
            made.put("band", probability > model.threshold ? high : probability > model.elevated ? elevated : low);
            made.put("threshold", model.threshold);
            made.put("model_id", modelId);
            made.put("base_log_odds", model.base);
            made.put("department", event.get(department));
            made.put("job_role", event.get(jobRole));
            made.put("trigger", change);
            made.put("source_topic", place.topic());
            made.put("source_partition", place.partition());
            made.put("source_offset", place.offset());
            return made;
        }
    }

    private static Schema schema(String path) throws IOException {
        return new Schema.Parser().parse(new File(path));
    }

    public static void main(String[] arguments) throws Exception {
        Properties given = new Properties();
        try (var file = Files.newBufferedReader(Path.of(arguments[0]))) {
            given.load(file);
        }
        Schema writer = schema(given.getProperty("writer.schema"));
        Schema prediction = schema(given.getProperty("prediction.schema"));
        Model model = new Model(new ObjectMapper().readTree(new File(given.getProperty("artefact"))), writer);
        int schemaId = Integer.parseInt(given.getProperty("schema.id"));
        String modelId = given.getProperty("model.id");

        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(given.getProperty("input"), Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
                .processValues(() -> new Scorer(model, writer, prediction, schemaId, modelId))
                .to(given.getProperty("output"), Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));

        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, given.getProperty("bootstrap.servers"));
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, given.getProperty("application.id"));
        settings.put(StreamsConfig.STATE_DIR_CONFIG, given.getProperty("state"));
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, given.getProperty("commit.ms"));
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, given.getProperty("threads"));
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        settings.put(StreamsConfig.producerPrefix("linger.ms"), given.getProperty("linger.ms"));
        settings.put(StreamsConfig.producerPrefix("batch.size"), "131072");
        KafkaStreams streams = new KafkaStreams(builder.build(), settings);
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.RUNNING) {
                System.out.println("running");
            } else if (now == KafkaStreams.State.ERROR) {
                Runtime.getRuntime().halt(1);
            }
        });
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }
}
