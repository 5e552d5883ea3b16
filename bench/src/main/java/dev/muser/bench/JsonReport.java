package dev.muser.bench;

import java.io.PrintStream;
import java.io.StringWriter;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/** One JSON object a line; what is not there is null. */
final class JsonReport implements Report {
    private final PrintStream out;
    private final JsonFactory factory = new JsonFactory();

    JsonReport(PrintStream out) {
        this.out = out;
    }

    @Override
    public void begin(int clientCpu, int serverCpu) {
        var text = new StringWriter();
        try (var json = factory.createGenerator(ObjectWriteContext.empty(), text)) {
            json.writeStartObject();
            json.writeStringProperty("jdk", Runtime.version().toString());
            json.writeNumberProperty("cpus", Runtime.getRuntime().availableProcessors());
            json.writeNumberProperty("clientCpu", clientCpu);
            json.writeNumberProperty("serverCpu", serverCpu);
            json.writeEndObject();
        }
        out.println(text);
    }

    @Override
    public void add(Measurement m) {
        var text = new StringWriter();
        try (var json = factory.createGenerator(ObjectWriteContext.empty(), text)) {
            json.writeStartObject();
            json.writeStringProperty("benchmark", m.benchmark().id());
            if (m.policy() == null) {
                json.writeNullProperty("policy");
            } else {
                json.writeStringProperty("policy", m.policy().id());
            }
            json.writeStringProperty("what", m.what());
            json.writeStringProperty("floorIs", m.benchmark().floor());
            json.writeStringProperty("unit", m.unit());
            number(json, "p50", m.p50());
            number(json, "p99", m.p99());
            number(json, "floorP50", m.floor50());
            number(json, "floorP99", m.floor99());
            number(json, "ratio", m.ratio());
            json.writeNumberProperty("samples", m.samples());
            json.writeEndObject();
        }
        out.println(text);
    }

    @Override
    public void add(DiskFigure f) {
        var text = new StringWriter();
        try (var json = factory.createGenerator(ObjectWriteContext.empty(), text)) {
            json.writeStartObject();
            json.writeStringProperty("benchmark", f.benchmark().id());
            json.writeStringProperty("what", f.what());
            json.writeStringProperty("unit", "ns");
            number(json, "perSecond", f.perSecond());
            number(json, "mean", f.mean());
            number(json, "p50", f.p50());
            number(json, "p99", f.p99());
            number(json, "p999", f.p999());
            if (f.floorIs() == null) {
                json.writeNullProperty("floorIs");
            } else {
                json.writeStringProperty("floorIs", f.floorIs());
            }
            number(json, "floor", f.floor());
            number(json, "ratio", f.ratio());
            number(json, "peerPerSecond", f.peer());
            number(json, "ofPeer", f.ofPeer());
            json.writeEndObject();
        }
        out.println(text);
    }

    @Override
    public void note(String text) {
        // for people
    }

    private static void number(JsonGenerator json, String name, double value) {
        if (Double.isNaN(value)) {
            json.writeNullProperty(name);
        } else {
            json.writeNumberProperty(name, value);
        }
    }
}
