package dev.muser.conform;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.StringReader;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Element;
import org.xml.sax.InputSource;

/** Text, JSON and XML of results of every kind. */
final class ReportTest {
    private static final Event SENT =
            new Event(Event.Kind.SENT, Decoder.of(query(), 1), Hex.of(query()));

    /** Characters that XML has to escape, and one that it cannot have. */
    private static final String NASTY = "got <\"a\" & 'b'> \u0001 ]]>";

    private static final Report REPORT =
            new Report(
                    Path.of("/run/d.sock"),
                    List.of(
                            result("a", "one", Outcome.PASSED, ""),
                            result("a", "two", Outcome.FAILED, NASTY),
                            result("a", "three", Outcome.NOTED, "a note"),
                            result("b", "one", Outcome.NOT_OFFERED, "no such thing"),
                            result("b", "two", Outcome.NOT_RUN, "gone")));

    private static byte[] query() {
        return Requests.message(258, Command.GET_INFO, 0, Requests.info(16).get());
    }

    private static CaseResult result(String section, String name, Outcome outcome, String reason) {
        var about = new Case(section, name, "it does", Level.MUST, Case.Setup.SHARED, _ -> {});
        return new CaseResult(about, outcome, reason, List.of(SENT), Duration.ofMillis(1500));
    }

    @Test
    void shouldTellEachResultAndItsRecordAsText() {
        assertThat(TextReport.line(REPORT.results().getFirst()))
                .isEqualTo("ok           a/one: it does\n");
        assertThat(TextReport.line(REPORT.results().getLast()))
                .isEqualTo("NOT RUN      b/two: it does -- gone\n");
        assertThat(TextReport.record(REPORT.results().getFirst()))
                .isEqualTo(
                        "    sent     DEVICE_GET_INFO id 258 size 32: argsz 16 flags 0x0 regions 0"
                                + " irqs 0, with a descriptor\n"
                                + "             0201 0400 2000 0000 0000 0000 0000 0000 1000 0000"
                                + " 0000 0000 0000 0000 0000 0000\n");
        assertThat(TextReport.summary(REPORT))
                .isEqualTo(
                        "a                1 passed, 1 passed with a note, 1 failed\n"
                                + "b                1 not offered, 1 not run\n"
                                + "5 cases: 1 passed, 1 passed with a note, 1 failed, 1 not"
                                + " offered, 1 not run\n");
    }

    @Test
    void shouldGiveProgramsTheSame() {
        var json = JsonReport.of(REPORT);
        assertThat(json)
                .containsEntry("socket", "/run/d.sock")
                .containsEntry("conforms", false)
                .containsEntry(
                        "counts",
                        Map.of(
                                "passed", 1L,
                                "noted", 1L,
                                "failed", 1L,
                                "not-offered", 1L,
                                "not-run", 1L));
        assertThat(json.get("cases"))
                .asInstanceOf(InstanceOfAssertFactories.list(Map.class))
                .element(1)
                .isEqualTo(
                        Map.of(
                                "id", "a/two",
                                "section", "a",
                                "level", "must",
                                "title", "it does",
                                "ownConnection", false,
                                "outcome", "failed",
                                "reason", NASTY,
                                "milliseconds", 1500.0,
                                "record",
                                        List.of(
                                                Map.of(
                                                        "kind", "sent",
                                                        "text", SENT.text(),
                                                        "hex", SENT.hex()))));
    }

    @Test
    void shouldWriteXmlThatJUnitsReadersUnderstand() throws Exception {
        var document =
                DocumentBuilderFactory.newInstance()
                        .newDocumentBuilder()
                        .parse(new InputSource(new StringReader(JUnitReport.of(REPORT))));
        var root = document.getDocumentElement();
        assertThat(root.getTagName()).isEqualTo("testsuites");
        assertThat(root.getAttribute("tests")).isEqualTo("5");
        assertThat(root.getAttribute("failures")).isEqualTo("1");
        assertThat(root.getAttribute("errors")).isEqualTo("1");
        assertThat(root.getAttribute("skipped")).isEqualTo("1");
        assertThat(root.getAttribute("time")).isEqualTo("7.500");
        assertThat(root.getElementsByTagName("testsuite").getLength()).isEqualTo(2);
        var failure = (Element) root.getElementsByTagName("failure").item(0);
        assertThat(failure.getAttribute("message")).isEqualTo(NASTY.replace('\u0001', '?'));
        assertThat(failure.getTextContent()).startsWith("it does\n").contains(SENT.hex());
        var failed = (Element) failure.getParentNode();
        assertThat(failed.getAttribute("classname")).isEqualTo("vfio-user.a");
        assertThat(failed.getAttribute("name")).isEqualTo("two");
        assertThat(failed.getAttribute("time")).isEqualTo("1.500");
    }
}
